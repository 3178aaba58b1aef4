/** Reads exact numbers of bytes from chunks of any size; holds at most one chunk and one result in memory. */
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

  /** Returns at least one byte and at most `limit`; undefined at the end. */
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

  /** Returns exactly `length` bytes; undefined if fewer are left. The caller must limit the length. */
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

  /** Ends the iteration of the source. */
  async close(): Promise<void> {
    await this.#chunks.return?.()
  }
}
