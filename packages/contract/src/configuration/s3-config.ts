import { z } from 'zod'
import { Url } from './values.ts'

/** A bucket of AWS or of any other server with the S3 API. */
export const S3 = z
  .strictObject({
    endpoint: Url.optional().describe('URL of the S3 server; default: that of AWS in the region'),
    region: z
      .string()
      .min(1)
      .default('us-east-1')
      .describe('region of the bucket; most servers other than AWS accept any'),
    bucket: z
      .string()
      .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/)
      .optional()
      .describe('name of the bucket, which must exist and be used by nothing else'),
    claim_dir: z
      .string()
      .optional()
      .describe(
        'directory with the files that an ObjectBucketClaim provides, instead of endpoint, bucket and keys; ports 80, 8080 and 9000 mean HTTP, others HTTPS, unless `endpoint` is set',
      ),
    prefix: z
      .string()
      .default('')
      .describe('prefix of all object keys in the bucket; it ends with a slash if it is a folder'),
    access_key_id: z
      .string()
      .min(1)
      .optional()
      .describe('access key ID; without keys, the role of the pod or machine is used'),
    secret_access_key: z
      .string()
      .min(1)
      .optional()
      .describe('secret access key that belongs to `access_key_id`'),
    path_style: z
      .boolean()
      .optional()
      .describe(
        'whether the name of the bucket is in the path instead of in the host name; default: `true` with an endpoint',
      ),
    public_endpoint: Url.optional().describe(
      'URL at which users and builders reach the S3 server: packages are redirected to an address there that works for an hour, instead of passing through the backend ([backup.md](backup.md#results-in-s3))',
    ),
    scratch_bytes: z
      .number()
      .int()
      .positive()
      .default(10 * 1024 ** 3)
      .describe(
        'disk space in bytes under `data_dir` for packages while they are verified, signed and indexed',
      ),
  })
  .refine(({ bucket, claim_dir }) => (bucket === undefined) !== (claim_dir === undefined), {
    error: 'name either a bucket or a claim_dir',
  })
  .refine(
    ({ access_key_id, secret_access_key }) =>
      (access_key_id === undefined) === (secret_access_key === undefined),
    { error: 'access_key_id and secret_access_key belong together' },
  )
export type S3Config = z.infer<typeof S3>
