/**
 * From each state, those it may move to. Leased and cleaning are not states: they follow from tasks and `needs_cleaning`.
 * - `planned`: a row only, nothing was asked of a cloud with its token
 * - `launching`: a start may have reached the cloud
 * - `booting`: exists, has not enrolled
 * - `ready`: enrolled
 * - `draining`: gets no further task
 * - `deleting`: its session has ended; its provider is asked until a listing proves that it is gone
 */
const MOVES = {
  planned: ['launching', 'gone'],
  launching: ['planned', 'booting', 'ready', 'deleting', 'gone'],
  booting: ['ready', 'deleting', 'gone'],
  ready: ['draining', 'deleting', 'gone'],
  draining: ['deleting', 'gone'],
  deleting: ['gone'],
  gone: [],
} as const satisfies Record<string, readonly string[]>
export type MachineState = keyof typeof MOVES

export function mayMove(from: MachineState, to: MachineState): boolean {
  return (MOVES[from] as readonly MachineState[]).includes(to)
}
