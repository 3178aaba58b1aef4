const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** Returns the certificates in a PEM file. Throws if one is incomplete, because then the file is still being written. */
export function certificatesIn(pem: string, path: string): string[] {
  if (pem.replaceAll(CERTIFICATE, '').includes('-----BEGIN CERTIFICATE'))
    throw new Error(`Cannot use ${path}: it contains an incomplete certificate`)
  return pem.match(CERTIFICATE) ?? []
}

/** Returns the certificates of a PEM file, like certificatesIn(), but throws if there is none. */
export function requireCertificates(pem: string, path: string): string[] {
  const found = certificatesIn(pem, path)
  if (found.length === 0) throw new Error(`Cannot use ${path}: it contains no certificate`)
  return found
}
