// The states that each column's CHECK constraint permits. The transitions are in states/.

export type ChrootState =
  | 'waiting'
  | 'pending'
  | 'starting'
  | 'running'
  | 'succeeded'
  | 'failed'
  | 'canceled'
  | 'skipped'
  | 'forked'

export type MachineState =
  | 'planned'
  | 'launching'
  | 'booting'
  | 'ready'
  | 'draining'
  | 'deleting'
  | 'gone'

export type SourceState =
  | 'pending'
  | 'starting'
  | 'running'
  | 'importing'
  | 'succeeded'
  | 'failed'
  | 'canceled'

export type TaskState = 'parked' | 'queued' | 'leased' | 'done'
