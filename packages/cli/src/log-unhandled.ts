import type { Logger } from '@copr/process/log'

/**
 * Logs unhandled rejections, which are bugs, but must not stop the system for all users because of one request. An uncaught
 * exception still terminates the process, whose state is then undefined.
 */
export function logUnhandled(log: Logger): void {
  process.on('unhandledRejection', (err) => log.error({ err }, 'A rejection was not handled'))
}
