/** A master key (key-encryption key), wherever it is: it encrypts the data keys with which everything else is sealed. */
export interface KeyWrapper {
  /** Tells which master key encrypted something, without telling anything of the key. */
  id: string
  wrap(context: string, secret: Buffer): Promise<Buffer>
  unwrap(context: string, wrapped: Buffer): Promise<Buffer>
  /** The bytes, of a key that is a file: what older versions sealed with it directly. */
  bytes?: Buffer
}
