// Reads the wire format of protocol buffers field by field, without copying and without trusting a length. Small, because a loader
// of models at a cold start needs no schema compiler; strict, because an unknown field must be seen to be refused.

const VARINT = 0;
const FIXED_64 = 1;
const BYTES = 2;
const FIXED_32 = 5;

const KNOWN_TEXTS_MAX = 4;

const decoder = new TextDecoder();

/** The fields of one message in order. Every method throws, with one line, when the bytes are no message. */
export class FieldReader {
  /** Of the field that `next` came to. */
  number = 0;
  /** Value of a varint, as int64 as far as a double holds it; 0 for a field of any other kind. */
  integer = 0;
  #tag = 0;
  #isVarint = false;
  #start = 0;
  #end = 0;
  readonly #message: Uint8Array;

  constructor(message: Uint8Array) {
    this.#message = message;
  }

  /** False after the last field. */
  next(): boolean {
    if (this.#end >= this.#message.length) return false;
    const tag = this.#varint();
    this.#tag = tag;
    this.number = Math.floor(tag / 8);
    if (tag < 8 || tag > 0xffff_ffff) throw new Error(`field number ${this.number} is out of range`);
    const kind = tag % 8;
    this.#isVarint = kind === VARINT;
    this.integer = this.#isVarint ? this.#varint() : 0;
    this.#start = this.#end;
    if (this.#isVarint) return true;
    this.#enter(this.#lengthOf(kind));
    return true;
  }

  /** Empty for a varint. */
  get bytes(): Uint8Array {
    return this.#message.subarray(this.#start, this.#end);
  }

  get byteLength(): number {
    return this.#end - this.#start;
  }

  get text(): string {
    // Most are short names: a native decoder takes longer to be called.
    if (this.byteLength > 64) return decoder.decode(this.bytes);
    let text = '';
    for (let at = this.#start; at < this.#end; at++) {
      const code = this.#message[at]!;
      if (code > 0x7e) return decoder.decode(this.bytes);
      text += String.fromCharCode(code);
    }
    return text;
  }

  /** Appends the integers of a repeated field: packed, or one by one with all that follow on it. */
  appendIntegers(target: number[]): void {
    if (this.#isVarint) {
      target.push(this.integer);
      while (this.#repeats()) target.push(this.#varint());
      return;
    }
    const end = this.#end;
    this.#end = this.#start;
    while (this.#end < end) target.push(this.#varint());
    if (this.#end !== end) throw new Error(`field ${this.number} is cut short`);
  }

  /** Appends the texts of a repeated field, with all that follow on it. */
  appendTexts(target: string[]): void {
    // A forest has ten thousands, of two or three kinds.
    const known: string[] = [];
    const add = () => {
      let text = known.find((each) => this.#isText(each));
      if (text === undefined) {
        text = this.text;
        if (known.length < KNOWN_TEXTS_MAX && text.length === this.byteLength) known.push(text);
      }
      target.push(text);
    };
    add();
    while (this.#repeats()) {
      this.#enter(this.#varint());
      add();
    }
  }

  /** The bytes of a repeated field of 32 bits each: packed, or one by one with all that follow on it. */
  countBytes(): number {
    let count = this.byteLength;
    while (this.#repeats()) {
      this.#enter(this.#lengthOf(this.#tag % 8));
      count += this.byteLength;
    }
    return count;
  }

  /** Whether the next field has the same number and kind; if so, its tag is read. */
  #repeats(): boolean {
    if (this.#tag > 0x7f || this.#message[this.#end] !== this.#tag) return false;
    this.#end++;
    return true;
  }

  #enter(length: number): void {
    this.#start = this.#end;
    if (!(length >= 0 && length <= this.#message.length - this.#end))
      throw new Error(`field ${this.number} is cut short`);
    this.#end += length;
  }

  #isText(text: string): boolean {
    if (this.byteLength !== text.length) return false;
    // From its end, where the kinds of a forest's nodes differ.
    for (let at = text.length - 1; at >= 0; at--)
      if (this.#message[this.#start + at] !== text.charCodeAt(at)) return false;
    return true;
  }

  #lengthOf(kind: number): number {
    if (kind === BYTES) return this.#varint();
    if (kind === FIXED_32) return 4;
    if (kind === FIXED_64) return 8;
    throw new Error(`field ${this.number} is of unknown kind ${kind}`);
  }

  #varint(): number {
    const first = this.#message[this.#end];
    if (first !== undefined && first < 0x80) {
      this.#end++;
      return first;
    }
    const start = this.#end;
    let value = 0;
    let scale = 1;
    for (let length = 0; length < 10; length++) {
      const byte = this.#message[this.#end++];
      if (byte === undefined) throw new Error('a number is cut short');
      value += (byte & 0x7f) * scale;
      // A negative number has ten bytes: its high bits are beyond what a double adds up exactly.
      if (byte < 0x80) return length < 9 ? value : this.#signed(start);
      scale *= 128;
    }
    throw new Error('a number is too long');
  }

  #signed(start: number): number {
    let value = 0n;
    for (let at = this.#end - 1; at >= start; at--) value = (value << 7n) | BigInt(this.#message[at]! & 0x7f);
    return Number(BigInt.asIntN(64, value));
  }
}
