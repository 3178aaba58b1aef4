const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** The certificates of a PEM file; throws when one is cut off, because the file is being written. */
export function certificatesIn(pem: string, path: string): string[] {
  if (pem.replaceAll(CERTIFICATE, '').includes('-----BEGIN CERTIFICATE'))
    throw new Error(`Cannot use ${path}: a certificate in it is cut off`)
  return pem.match(CERTIFICATE) ?? []
}

/** As certificatesIn(), for a file that is useless without a certificate. */
export function requireCertificates(pem: string, path: string): string[] {
  const found = certificatesIn(pem, path)
  if (found.length === 0) throw new Error(`Cannot use ${path}: it has no certificate`)
  return found
}
