import type { Logger } from '@copr/process/log'

/**
 * A rejection that nobody awaited is a bug, and somebody must look; but one request's bug must not end everybody's system.
 * An exception out of nowhere still ends the process: its state is not known any more.
 */
export function logUnhandled(log: Logger): void {
  process.on('unhandledRejection', (err) => log.error({ err }, 'A rejection was not handled'))
}
