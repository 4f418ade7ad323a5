// Private endpoints of Binance USDT-M futures, as far as a trading system needs them: questions and answers in the shapes of its
// API documentation, about one account, to whoever signs with that account's key.
import type { Route } from '../route.ts';
import { accountRoutes } from './account-routes.ts';
import { algoOrderRoutes } from './algo-order-routes.ts';
import { orderRoutes } from './order-routes.ts';
import { type PrivateApi, privateRoute } from './private-route.ts';

export function privateRoutes(api: PrivateApi): Route[] {
  const route = privateRoute(api);
  const { account } = api;
  return [
    ...orderRoutes(account, route),
    ...algoOrderRoutes(account, route),
    ...accountRoutes(account, route),
  ];
}
