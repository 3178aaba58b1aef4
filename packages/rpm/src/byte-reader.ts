/** Takes exact amounts of bytes out of chunks of any size, holding no more than one chunk and one answer. */
export class ByteReader {
  readonly #chunks: AsyncIterator<Buffer>
  #chunk: Buffer = Buffer.alloc(0)
  #taken = 0

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]()
  }

  /** bytes taken so far */
  get taken(): number {
    return this.#taken
  }

  /** At least one byte and at most `limit`; undefined at the end. */
  async takeSome(limit: number): Promise<Buffer | undefined> {
    while (this.#chunk.length === 0) {
      const { value, done } = await this.#chunks.next()
      if (done) return undefined
      this.#chunk = value
    }
    const some = this.#chunk.subarray(0, limit)
    this.#chunk = this.#chunk.subarray(some.length)
    this.#taken += some.length
    return some
  }

  /** Exactly `length` bytes; undefined when there are fewer. The caller limits the length. */
  async take(length: number): Promise<Buffer | undefined> {
    const parts: Buffer[] = []
    for (let missing = length; missing > 0;) {
      const part = await this.takeSome(missing)
      if (!part) return undefined
      parts.push(part)
      missing -= part.length
    }
    return parts.length === 1 ? parts[0] : Buffer.concat(parts)
  }

  /** Tells the source that no more will be taken. */
  async close(): Promise<void> {
    await this.#chunks.return?.()
  }
}
