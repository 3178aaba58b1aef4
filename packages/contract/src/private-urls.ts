import { z } from 'zod'

/** Whether user-supplied URLs may lead to private networks: to none, to all, or only to the listed ranges (`10.20.0.0/16`). */
export const PrivateUrls = z.union([z.boolean(), z.array(z.union([z.cidrv4(), z.cidrv6()]))])
export type PrivateUrls = z.infer<typeof PrivateUrls>
