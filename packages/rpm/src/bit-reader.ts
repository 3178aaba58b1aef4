/** Reads bits from bytes in memory, starting with the most significant bit of each byte. */
export class BitReader {
  readonly #bytes: Buffer
  #position = 0
  /** bits that have been read from the bytes but not yet taken; they are the lowest bits */
  #pending = 0
  #pendingCount = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** number of whole bytes that are left */
  get bytesLeft(): number {
    return this.#bytes.length - this.#position + (this.#pendingCount >> 3)
  }

  /** Returns a reader of the bits that this reader has not taken yet, followed by the given bytes. */
  append(more: Buffer): BitReader {
    const start = this.#position - Math.ceil(this.#pendingCount / 8)
    const reader = new BitReader(Buffer.concat([this.#bytes.subarray(start), more]))
    reader.skip(-this.#pendingCount & 7)
    return reader
  }

  /** Returns up to 24 bits without taking them. After the end, the bits are zeros. */
  peek(count: number): number {
    while (this.#pendingCount < count) {
      const byte = this.#position < this.#bytes.length ? this.#bytes[this.#position]! : 0
      this.#position++
      this.#pending = (this.#pending << 8) | byte
      this.#pendingCount += 8
    }
    return (this.#pending >>> (this.#pendingCount - count)) & ((1 << count) - 1)
  }

  /** Skips up to 24 bits; throws if fewer are left. */
  skip(count: number): void {
    this.peek(count)
    this.#pendingCount -= count
    if (this.#position * 8 - this.#pendingCount > this.#bytes.length * 8)
      throw new Error('its compressed data is truncated')
  }

  take(count: number): number {
    const bits = this.peek(count)
    this.skip(count)
    return bits
  }
}
