import { z } from 'zod'
import { withoutSlashes } from '../without-slashes.ts'

export const Url = z.url().transform((url) => withoutSlashes(url))
export const Port = z.number().int().min(0).max(65_535)

export const TlsFiles = z.strictObject({
  certificate_file: z
    .string()
    .describe(
      'PEM file with the certificate: serves HTTPS instead of HTTP; read again when it changes, because the service CA and cert-manager renew it',
    ),
  key_file: z.string().describe('PEM file with the private key of the certificate'),
})
