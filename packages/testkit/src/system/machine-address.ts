import { networkInterfaces } from 'node:os'

/** An address of this machine that a sandbox can be allowed to reach, unlike those of the loopback device; undefined if it has none. */
export const MACHINE_ADDRESS = Object.values(networkInterfaces())
  .flat()
  .find((one) => one && !one.internal && one.family === 'IPv4')?.address
