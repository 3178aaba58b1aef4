/** A master key (key-encryption key), wherever it is stored. It encrypts the data keys, which seal everything else. */
export interface KeyWrapper {
  /** Identifies the master key without revealing anything about it. */
  id: string
  wrap(context: string, secret: Buffer): Promise<Buffer>
  unwrap(context: string, wrapped: Buffer): Promise<Buffer>
  /** The key itself, if it is stored in a file: older versions sealed secrets with it directly. */
  bytes?: Buffer
}
