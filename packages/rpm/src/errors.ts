/** Thrown for a file that cannot be safely read or written as a package; the message is the reason. */
export class RpmFormatError extends Error {
  override readonly name = 'RpmFormatError'
}

/** Throws an RpmFormatError about a package; `label` is what the user calls the package, usually its file name. */
export function refuse(label: string, reason: string, options?: ErrorOptions): never {
  throw new RpmFormatError(`Cannot read ${label}: ${reason}`, options)
}
