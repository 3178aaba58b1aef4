import type { ResultFile } from '@copr/contract/builder-protocol'
import type { Appended, Body } from './append.ts'
import type { ResultsPath } from './paths.ts'

/** What an agent brings under one lease, until it is published or thrown away. Nobody else sees it. */
export interface StagingKey {
  /** The task row's id. */
  task: number
  lease: string
}

/** Where the files are. Everything public is served as it lies there, so nothing is half-written under its own name. */
export interface ResultsStore {
  /** The root of the public tree, as an absolute path. */
  readonly root: string
  absolute(path: ResultsPath, ...names: string[]): string
  makeDir(path: ResultsPath): Promise<void>

  /** Appends to a public log while it grows. */
  appendLog(path: ResultsPath, name: string, body: Body, limits: LogLimits): Promise<Appended>
  /** Adds a line to the backend's own log of a build. */
  note(path: ResultsPath, line: string): Promise<void>
  /** Puts away the logs of an earlier try, so that a new one begins at 0. */
  setAside(path: ResultsPath, names: string[]): Promise<void>
  /** Compresses logs that will not grow any more. May be repeated. */
  sealLogs(path: ResultsPath, names?: string[]): Promise<void>
  /** A small public file of ours, whole or not at all. */
  write(path: ResultsPath, name: string, data: string): Promise<void>

  stage(key: StagingKey, name: string, body: Body, limits: StageLimits): Promise<Appended>
  staged(key: StagingKey, name: string): string
  /** Throws CoprError `invalid` unless exactly what is listed has come. */
  verifyStaged(key: StagingKey, files: ResultFile[]): Promise<void>
  /** Publishes staged files under their names; they stay staged, so that it may be repeated. */
  place(key: StagingKey, names: string[], to: ResultsPath): Promise<void>
  /**
   * Gives all files of a public folder a second name in another one, without copying them; logs that still grow are left out.
   * (An object store copies within itself.) False when there is no such folder. May be repeated.
   */
  linkAll(from: ResultsPath, to: ResultsPath): Promise<boolean>
  /** Takes files back out of the public tree. */
  unplace(path: ResultsPath, names: string[]): Promise<void>
  dropStaged(key: StagingKey): Promise<void>
  listStaged(): Promise<StagingKey[]>

  /** Keeps the SRPM that a builder made, a staged file, for the import. */
  keepSrpm(path: string, name: string, build_id: number): Promise<void>
  /** Where the SRPM of a build waits for the import; undefined when it is not there. */
  findSrpm(srpm: KeptSrpm): Promise<string | undefined>
  placeSrpm(srpm: KeptSrpm, to: ResultsPath): Promise<void>
  dropSrpm(srpm: Omit<KeptSrpm, 'file_name'>): Promise<void>
  /** What waits, or is being uploaded, and has not changed since then. */
  listSrpms(before: Date): Promise<Omit<KeptSrpm, 'file_name'>[]>

  /** Removes a folder of the public tree: from sight at once, from the disk then. */
  remove(path: ResultsPath): Promise<void>
  /** Removes what was on its way out when the program ended. */
  emptyTrash(): Promise<void>
}

interface LogLimits {
  offset: number
  max_size: number
}

interface StageLimits {
  offset: number
  /** All files of the task together. */
  max_total: number
}

/** `upload` is the frontend's folder below `uploads`, null when a builder made the SRPM. */
export interface KeptSrpm {
  build_id: number
  upload: string | null
  file_name: string
}
