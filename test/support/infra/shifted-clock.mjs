// Loaded before a program whose clock is to be CLOCK_OFFSET_MS ahead of the machine's.
const offsetMs = Number(process.env.CLOCK_OFFSET_MS);
const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...parts) {
    super(...(parts.length === 0 ? [RealDate.now() + offsetMs] : parts));
  }
  static now() {
    return RealDate.now() + offsetMs;
  }
};
