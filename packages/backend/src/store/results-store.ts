import type { ResultFile } from '@copr/contract/builder-protocol'
import type { Appended, Body } from './append.ts'
import type { ResultsPath } from './paths.ts'

/** Logs that may grow, in results of any kind. */
export const GROWING_LOGS = ['builder-live.log', 'import.log', 'backend.log']

/** Identifies the files that an agent uploads under one lease. They are private until they are published or dropped. */
export interface StagingKey {
  /** The task row's id. */
  task: number
  lease: string
}

export interface Range {
  start: number
  /** The last byte, inclusive. */
  end: number
}

/** A file as it was when it was found: what it grows by meanwhile is not part of it. */
export interface StoredFile {
  name: string
  size: number
  mtime: Date
  etag: string
  /** To be read to its end or canceled. */
  read(range?: Range): Promise<ReadableStream<Uint8Array>>
  /** Where the client may fetch it by itself, when that is better than through us. */
  elsewhere?(type: string): Promise<string>
  /** Needed when it is not read. */
  close(): Promise<void>
}

/** The result of looking up a path of the public tree; `packed` means that only `NAME.gz` exists. */
export type Found =
  | { kind: 'file'; file: StoredFile }
  | { kind: 'dir' }
  | { kind: 'packed' }
  | undefined

export interface Entry {
  name: string
  isDir: boolean
  size: number
  /** Folders of an object store have none. */
  mtime: Date | undefined
}

/** The public tree as HTTP shows it. Names are plain, as `namesIn()` has checked. */
export interface ResultsTree {
  find(names: string[]): Promise<Found>
  /** The entries of a folder that are not hidden; empty if the folder does not exist. */
  list(names: string[]): Promise<Entry[]>
}

/** Where the files are. Everything public is served as it lies there, so nothing is half-written under its own name. */
export interface ResultsStore extends ResultsTree {
  /** Throws, and says what to do, when nothing can be stored or read. */
  check(): Promise<void>
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
  /** Undefined when there is no such file. */
  readText(path: ResultsPath, name: string): Promise<string | undefined>

  stage(key: StagingKey, name: string, body: Body, limits: StageLimits): Promise<Appended>
  /** Throws CoprError `invalid` unless exactly what is listed has come. */
  verifyStaged(key: StagingKey, files: ResultFile[]): Promise<void>
  /** Gives the path of a staged file on this machine, to be read while `use` runs. */
  withStaged<T>(key: StagingKey, name: string, use: (path: string) => Promise<T>): Promise<T>
  /**
   * Lets `change` write to the beginning of a staged file; it returns how many bytes of the former file, from its first on,
   * are not what they were. All after that is kept as it is.
   */
  changeHead(
    key: StagingKey,
    name: string,
    change: (path: string) => Promise<number>,
  ): Promise<void>
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

  /** Keeps the SRPM that a builder made, a staged file, for the import, as `name`. */
  keepSrpm(key: StagingKey, staged: string, kept: KeptSrpm): Promise<void>
  /** The SRPM of a build that waits for the import; undefined when it is not there. */
  findSrpm(srpm: KeptSrpm): Promise<StoredFile | undefined>
  placeSrpm(srpm: KeptSrpm, to: ResultsPath): Promise<void>
  dropSrpm(srpm: Omit<KeptSrpm, 'file_name'>): Promise<void>
  /** SRPMs that wait for their import or are being uploaded, last changed before `before`. */
  listSrpms(before: Date): Promise<Omit<KeptSrpm, 'file_name'>[]>

  /** For making a repository's index anew. The repository's lock is held until it is closed. */
  openIndex(repository: ResultsPath, options: { is_devel: boolean }): Promise<RepodataWorkspace>
  /** The devel repository beside this one is no more. */
  removeDevel(repository: ResultsPath): Promise<void>

  /** Removes a folder of the public tree: from sight at once, from the disk then. */
  remove(path: ResultsPath): Promise<void>
  /** Removes what was on its way out, or half made, when a program ended. */
  emptyTrash(): Promise<void>
}

interface LogLimits {
  offset: number
  max_size: number
  /** Does the writer still have its task? Asked when a request has lasted long. */
  isWanted?: () => Promise<boolean>
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

/** A package of a repository, by its path below the repository's folder. */
export interface IndexMember {
  path: string
  sha256: string
  size: number
}

/** Folders of this machine in which an index is made. */
export interface RepodataWorkspace extends AsyncDisposable {
  /** Where the packages are found below. */
  packages: string
  /** The folder whose `repodata` is the published index; undefined when there is none. */
  previous: string | undefined
  /** Empty; the finished `repodata` is left here. */
  into: string
  /**
   * Brings the packages that the previous index does not describe, so many at a time as there is room for: from then on the
   * members given may be described. The last ones are all.
   */
  portions(members: IndexMember[]): AsyncIterable<IndexMember[]>
  /** Makes `repodata` in `into` the visible index: repomd.xml and its signature change at the same moment. */
  publish(options: { generation: number; now: Date }): Promise<void>
}
