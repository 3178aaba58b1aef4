/** Says why a file is not a package that can be read or written safely. */
export class RpmFormatError extends Error {
  override readonly name = 'RpmFormatError'
}

/** Throws the error for one package; the label is what the user calls it, usually its file name. */
export function refuse(label: string, reason: string, options?: ErrorOptions): never {
  throw new RpmFormatError(`Cannot read ${label}: ${reason}`, options)
}
