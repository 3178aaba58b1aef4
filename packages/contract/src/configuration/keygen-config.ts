import { z } from 'zod'
import { Port, TlsFiles, Url } from './values.ts'

/**
 * Rights of a caller of keygen: `make` creates keys, `sign` signs, `administer` rotates keys and reads the signature log, `seal` seals
 * projects' secrets and opens those that verify webhooks, and `open` opens git credentials and forge tokens.
 */
export const KeygenRight = z.enum(['make', 'sign', 'administer', 'seal', 'open'])
export type KeygenRight = z.infer<typeof KeygenRight>

/** Callers of keygen that authenticate with the token of a Kubernetes service account. */
export const KeygenServiceAccounts = z.strictObject({
  audience: z
    .string()
    .min(1)
    .default('copr-keygen')
    .describe('audience of the tokens; tokens for the API server have another one and are refused'),
  namespace: z.string().min(1).describe('namespace of the service accounts that may call keygen'),
  accounts: z
    .record(z.string(), z.array(KeygenRight))
    .default({
      'copr-frontend': ['make', 'seal'],
      'copr-backend': ['make', 'sign', 'open'],
      'copr-admin': ['make', 'administer', 'seal'],
    })
    .describe(
      'service accounts and their rights: `make` creates keys, `sign` signs, `administer` rotates keys and reads the signature log, `seal` seals secrets of projects, `open` opens their git credentials and forge tokens',
    ),
  check: z
    .enum(['auto', 'jwks', 'review'])
    .default('auto')
    .describe(
      "`jwks` checks tokens with the cluster's keys; `review` asks the API server (TokenReview) about each as well; `auto` asks it where that is allowed",
    ),
  api_url: Url.prefault('https://kubernetes.default.svc').describe('URL of the API server'),
  api_ca_file: z
    .string()
    .default('/var/run/secrets/kubernetes.io/serviceaccount/ca.crt')
    .describe('PEM file with the authority of the API server'),
  api_token_file: z
    .string()
    .default('/var/run/secrets/kubernetes.io/serviceaccount/token')
    .describe("file with keygen's own token for the API server"),
})
export type KeygenServiceAccounts = z.infer<typeof KeygenServiceAccounts>

const Pkcs11 = z.strictObject({
  module: z
    .string()
    .describe(
      'library of the PKCS #11 token, which holds an RSA key that never leaves it; needs `pkcs11-tool` of OpenSC',
    ),
  token_label: z.string().describe('label of the token'),
  key_id: z
    .string()
    .regex(/^([0-9a-f]{2})+$/i)
    .describe('ID of the key, in hexadecimal'),
  pin_file: z.string().describe('file with the PIN'),
  hash: z
    .enum(['sha1', 'sha256'])
    .default('sha256')
    .describe('hash of RSA-OAEP; SoftHSM supports only `sha1`, which is safe for this use'),
})

/** The master key, which encrypts the data keys that encrypt the private keys. Exactly one of these settings must say where it is. */
export const MasterKey = z.strictObject({
  file: z
    .string()
    .optional()
    .describe('file of 32 random bytes, raw or in base64, such as a Kubernetes Secret'),
  pkcs11: Pkcs11.optional(),
  command: z
    .strictObject({
      encrypt: z
        .array(z.string())
        .nonempty()
        .describe(
          'program with its arguments that encrypts standard input to standard output, such as the client of a KMS or of a vault',
        ),
      decrypt: z.array(z.string()).nonempty().describe('the program that decrypts'),
    })
    .optional(),
})
export type MasterKey = z.infer<typeof MasterKey>

export const Keygen = z.strictObject({
  url: Url.describe('URL of keygen'),
  secret: z
    .string()
    .min(16)
    .optional()
    .describe('shared secret of callers without a service account'),
  listen: z
    .strictObject({
      host: z.string().describe('address that keygen listens on; default: that of `keygen.url`'),
      port: Port.describe('port that keygen listens on; default: that of `keygen.url`'),
    })
    .optional(),
  tls: TlsFiles.optional(),
  ca_file: z
    .string()
    .optional()
    .describe(
      'PEM file with the authority that callers trust to have issued the certificate of keygen; default: the usual authorities',
    ),
  token_file: z
    .string()
    .optional()
    .describe(
      "file with the service account's token that callers present instead of the secret; read again for each request",
    ),
  service_accounts: KeygenServiceAccounts.optional(),
  master_key_file: z
    .string()
    .optional()
    .describe('file with the master key, without which no private key can be decrypted'),
  master_key: MasterKey.optional().describe('the master key, instead of `keygen.master_key_file`'),
  previous_master_keys: z
    .array(MasterKey)
    .default([])
    .describe(
      'previous master keys, each like `keygen.master_key`: the next start re-encrypts their data with the new key; remove them afterwards',
    ),
  signatures_per_minute: z
    .strictObject({
      project: z
        .number()
        .int()
        .positive()
        .default(3_000)
        .describe('maximum number of signatures per minute for one project'),
      all: z
        .number()
        .int()
        .positive()
        .default(20_000)
        .describe('maximum number of signatures per minute for all projects'),
    })
    .prefault({}),
  pool_size: z
    .number()
    .int()
    .min(0)
    .max(50)
    .default(2)
    .describe(
      'number of RSA keys generated in advance, so that a new project need not wait for one',
    ),
})
