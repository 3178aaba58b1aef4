import { checkedFileName, checkedNumber, checkedToken, type ResultsPath } from '../paths.ts'
import type { KeptSrpm, StagingKey } from '../results-store.ts'

/**
 * Layout of the bucket:
 *
 * - `results/PATH/NAME`: the public tree
 * - `results/PATH/.NAME/OFFSET-LEVEL-ID`: fragments of a growing log; for backend.log, OFFSET is a time in microseconds
 * - `staging/TASK-LEASE/NAME/OFFSET-ID`: fragments of a file that an agent uploads
 * - `staging/TASK-LEASE/NAME/head-OFFSET`: replaces all bytes before the offset
 * - `uploads/DIR/NAME`: SRPMs that wait for their import
 * - `trash/ID`: a short-lived marker, whose modification time is the current time of the store's clock
 */
export const TREE = 'results/'
export const STAGING = 'staging/'
export const UPLOADS = 'uploads/'
export const TRASH = 'trash/'

export function resultKey(path: ResultsPath, name: string): string {
  return `${TREE}${path}/${checkedFileName(name)}`
}

/** Returns the key prefix that the fragments of all growing logs in a results folder have in common. */
export function growingPrefix(path: ResultsPath): string {
  return `${TREE}${path}/.`
}

/** Returns the key prefix that the fragments of a log have in common. */
export function growingKey(path: ResultsPath, name: string): string {
  return `${TREE}${path}/.${checkedFileName(name)}/`
}

export function stagingKey({ task, lease }: StagingKey): string {
  return `${STAGING}${checkedNumber(task)}-${checkedToken(lease)}/`
}

export function stagedKey(key: StagingKey, name: string): string {
  return `${stagingKey(key)}${checkedFileName(name)}/`
}

export function srpmFolder({ build_id, upload }: Omit<KeptSrpm, 'file_name'>): string {
  const dir = upload === null ? `build-${checkedNumber(build_id)}` : checkedToken(upload)
  return `${UPLOADS}${dir}/`
}

export function srpmKey(srpm: KeptSrpm): string {
  return srpmFolder(srpm) + checkedFileName(srpm.file_name)
}
