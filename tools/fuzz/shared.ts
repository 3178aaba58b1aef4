import { MAX_INPUT_BYTES } from './mutate.ts'

/** Memory that the driver shares with its worker. */
export interface Shared {
  /** How many inputs were begun, and the length of the present one. */
  numbers: Int32Array
  /** The present input. */
  bytes: Uint8Array
}

export type FromWorker =
  | { kind: 'input'; bytes: Uint8Array }
  | { kind: 'finding'; bytes: Uint8Array; why: string }

export function makeShared(): Shared {
  return {
    numbers: new Int32Array(new SharedArrayBuffer(8)),
    bytes: new Uint8Array(new SharedArrayBuffer(MAX_INPUT_BYTES)),
  }
}
