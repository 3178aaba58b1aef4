import { MAX_INPUT_BYTES } from './mutate.ts'

/** Memory that the driver and its worker share. */
export interface Shared {
  /** The number of inputs started so far, and the length of the current input. */
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
