// What the simulated account says of itself, in the broker's terms.
import { MICRO } from '../../core/units.ts';
import type { PaperAccount, PaperOrder } from '../../execution/paper/paper-account.ts';
import type { Fill, Income, Listing, OpenOrder, OrderReport } from '../../execution/ports.ts';

/** The simulated account reads itself: nothing of it is ever unreadable. */
export const listingOf = <Row>(rows: readonly Row[]): Listing<Row> => ({ rows, problems: [] });

export const openOf = ({ orders }: PaperAccount, kind: PaperOrder['kind']): OpenOrder[] =>
  Object.values(orders)
    .filter((order) => order.status === 'open' && order.kind === kind)
    .map(({ symbol, clientOrderId, side, quantity, stopPrice, reduceOnly }) => ({
      symbol,
      clientOrderId,
      kind,
      side,
      quantity,
      stopPrice,
      reducesOnly: reduceOnly,
      closesPosition: quantity === null,
    }));

/** Whatever fills does so at once, in one trade. */
export const fillsOf = (order: PaperOrder | undefined): readonly Fill[] =>
  order === undefined || order.averagePrice === null
    ? []
    : [
        {
          tradeId: order.clientOrderId,
          quantity: order.filledQuantity,
          price: order.averagePrice,
          fee: { asset: 'USDT', amount: order.feeMicroUsdt / MICRO },
          realisedMicroUsdt: order.realisedMicroUsdt,
          atMs: order.updatedAtMs,
        },
      ];

export const reportOf = (order: PaperOrder): OrderReport => ({
  symbol: order.symbol,
  clientOrderId: order.clientOrderId,
  kind: order.kind,
  status: order.status,
  quantity: order.quantity,
  filledQuantity: order.filledQuantity,
  averagePrice: order.averagePrice,
  // Whatever fills ends with that fill.
  filledAtMs: order.filledQuantity > 0 ? order.updatedAtMs : null,
  updatedAtMs: order.updatedAtMs,
});

/** Everything remembered that changed the wallet, oldest first. */
export function incomeOf({ funding, trades }: PaperAccount): readonly Income[] {
  const row = (
    about: Pick<Income, 'id' | 'kind' | 'type' | 'symbol' | 'tradeId' | 'atMs'>,
    microUsdt: number,
  ) => (microUsdt === 0 ? [] : [{ ...about, asset: 'USDT', amount: microUsdt / MICRO }]);
  const traded = trades.flatMap(({ tradeId, symbol, atMs, realisedMicroUsdt, feeMicroUsdt }) => {
    const about = { symbol, atMs, tradeId };
    return [
      ...row(
        { ...about, id: `${tradeId}-realised`, kind: 'realised', type: 'REALIZED_PNL' },
        realisedMicroUsdt,
      ),
      ...row(
        { ...about, id: `${tradeId}-commission`, kind: 'commission', type: 'COMMISSION' },
        -feeMicroUsdt,
      ),
    ];
  });
  const funded = funding.flatMap(({ id, symbol, atMs, amountMicroUsdt }) =>
    row({ id, kind: 'funding', type: 'FUNDING_FEE', symbol, tradeId: null, atMs }, amountMicroUsdt),
  );
  return [...traded, ...funded].sort((a, b) => a.atMs - b.atMs || (a.id < b.id ? -1 : 1));
}
