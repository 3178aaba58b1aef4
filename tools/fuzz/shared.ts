import { MAX_INPUT_BYTES } from './mutate.ts'

/** Memory shared by the driver and its worker. */
export interface Shared {
  /** The number of inputs begun, and the length of the current one. */
  numbers: Int32Array
  /** The current input. */
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
