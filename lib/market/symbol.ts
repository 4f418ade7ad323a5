// How a symbol looks, as the exchange names it: BTCUSDT, 1000PEPEUSDT.

export const SYMBOL_PATTERN = /^[A-Z0-9]{2,20}$/;
