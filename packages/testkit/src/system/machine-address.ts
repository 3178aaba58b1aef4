import { networkInterfaces } from 'node:os'

/** An address of this machine to which sandboxes can be given access, unlike loopback addresses; undefined if there is none. */
export const MACHINE_ADDRESS = Object.values(networkInterfaces())
  .flat()
  .find((one) => one && !one.internal && one.family === 'IPv4')?.address
