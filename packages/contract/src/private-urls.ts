import { z } from 'zod'

/** May URLs of users lead into private networks? No, anywhere, or only into the listed ranges (`10.20.0.0/16`). */
export const PrivateUrls = z.union([z.boolean(), z.array(z.union([z.cidrv4(), z.cidrv6()]))])
export type PrivateUrls = z.infer<typeof PrivateUrls>
