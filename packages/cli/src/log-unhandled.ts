import type { Logger } from '@copr/process/log'

/**
 * Logs unhandled rejections. They are bugs, but one request that fails must not stop the system for all users. An uncaught exception still
 * terminates the process, because its state is then undefined.
 */
export function logUnhandled(log: Logger): void {
  process.on('unhandledRejection', (err) => log.error({ err }, 'A rejection was not handled'))
}
