import type { ResultFile } from '@copr/contract/builder-protocol'
import type { ContentHeaders } from '@copr/object-store/bucket'
import type { Appended, Body } from './append.ts'
import type { ResultsPath } from './paths.ts'

/** Logs that may still be growing, in results of any kind. */
export const GROWING_LOGS = ['builder-live.log', 'import.log', 'backend.log']

/** Identifies the files that an agent uploads under one lease. The files are private until they are published or dropped. */
export interface StagingKey {
  /** The ID of the task's row. */
  task: number
  lease: string
}

export interface Range {
  start: number
  /** The position of the last byte, inclusive. */
  end: number
}

/** A file as it was when it was found; bytes appended later are not included. */
export interface StoredFile {
  name: string
  size: number
  mtime: Date
  etag: string
  /** Returns the content, which the caller must read to its end or cancel. */
  read(range?: Range): Promise<ReadableStream<Uint8Array>>
  /** Returns a URL from which the client can download the file directly, if that is better than a download through the backend. */
  elsewhere?(content: ContentHeaders): Promise<string>
  /** Must be called if the file is not read. */
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
  /** Undefined for folders in an object store. */
  mtime: Date | undefined
}

/** The public tree as HTTP shows it. The names are plain: `namesIn()` has checked them. */
export interface ResultsTree {
  find(names: string[]): Promise<Found>
  /** Returns the entries of a folder that are not hidden; none if the folder does not exist. */
  list(names: string[]): Promise<Entry[]>
}

/** Stores all files of the backend. Public files are served as they are stored, so no file ever exists half-written under its own name. */
export interface ResultsStore extends ResultsTree {
  /** Throws if nothing can be stored or read; the message says how to fix this. */
  check(): Promise<void>
  makeDir(path: ResultsPath): Promise<void>

  /** Appends to a public log that is still growing. */
  appendLog(path: ResultsPath, name: string, body: Body, limits: LogLimits): Promise<Appended>
  /** Adds a line to the backend's own log for a build. */
  note(path: ResultsPath, line: string): Promise<void>
  /** Sets aside the logs of an earlier attempt, so that the new logs begin at offset 0. */
  setAside(path: ResultsPath, names: string[]): Promise<void>
  /** Compresses logs that will no longer grow. Idempotent. */
  sealLogs(path: ResultsPath, names?: string[]): Promise<void>
  /** Writes a small public file atomically: as a whole or not at all. */
  write(path: ResultsPath, name: string, data: string): Promise<void>
  /** Reads a small public file; returns undefined when there is no such file. */
  readText(path: ResultsPath, name: string): Promise<string | undefined>

  stage(key: StagingKey, name: string, body: Body, limits: StageLimits): Promise<Appended>
  /** Throws CoprError `invalid` unless all listed files were uploaded with the listed sizes and digests. */
  verifyStaged(key: StagingKey, files: ResultFile[]): Promise<void>
  /** Calls `use` with a local path of a staged file, which is readable until `use` ends. */
  withStaged<T>(key: StagingKey, name: string, use: (path: string) => Promise<T>): Promise<T>
  /**
   * Lets `change` rewrite the beginning of a staged file. `change` returns how many bytes of the previous content it has replaced; all
   * later bytes are kept as they are.
   */
  changeHead(
    key: StagingKey,
    name: string,
    change: (path: string) => Promise<number>,
  ): Promise<void>
  /**
   * Publishes staged files under their names; the files of fedora-review go into a folder of their own. The files also remain staged, so
   * this can be retried.
   */
  place(key: StagingKey, names: string[], to: ResultsPath): Promise<void>
  /**
   * Gives each file of a public folder a second name in another public folder, without copying it (an object store copies internally).
   * Leaves out logs that are still growing. Returns false if there is no such folder. Idempotent.
   */
  linkAll(from: ResultsPath, to: ResultsPath): Promise<boolean>
  /** Removes files from the public tree. */
  unplace(path: ResultsPath, names: string[]): Promise<void>
  dropStaged(key: StagingKey): Promise<void>
  listStaged(): Promise<StagingKey[]>

  /** Keeps the staged file `staged`, an SRPM that a builder has made, for the import. */
  keepSrpm(key: StagingKey, staged: string, kept: KeptSrpm): Promise<void>
  /** Finds the SRPM of a build that waits for its import; returns undefined if there is none. */
  findSrpm(srpm: KeptSrpm): Promise<StoredFile | undefined>
  placeSrpm(srpm: KeptSrpm, to: ResultsPath): Promise<void>
  dropSrpm(srpm: Omit<KeptSrpm, 'file_name'>): Promise<void>
  /** Lists SRPMs that are waiting for their import or still being uploaded, and were last changed before `before`. */
  listSrpms(before: Date): Promise<Omit<KeptSrpm, 'file_name'>[]>

  /** Opens a workspace in which to make a repository's index. The caller holds the repository lock until the workspace is closed. */
  openIndex(repository: ResultsPath, options: { is_devel: boolean }): Promise<RepodataWorkspace>
  /** Removes the devel repository that belongs to this repository. */
  removeDevel(repository: ResultsPath): Promise<void>

  /** Removes a folder of the public tree. The indexes in it disappear no later than the files that they list. */
  remove(path: ResultsPath): Promise<void>
  /** Completes removals and aborts uploads that killed processes left behind. */
  emptyTrash(): Promise<void>
}

interface LogLimits {
  offset: number
  max_size: number
  /** Returns whether the writer still has its task; called when a request has taken a long time. */
  isWanted?: () => Promise<boolean>
}

interface StageLimits {
  offset: number
  /** Maximum total size of all files of the task, in bytes. */
  max_total: number
}

/** An SRPM in the store. `upload` is the name of the folder in `uploads` where the frontend has put the SRPM; null if a builder made it. */
export interface KeptSrpm {
  build_id: number
  upload: string | null
  file_name: string
}

/** A package in a repository. Its path is relative to the repository's folder. */
export interface IndexMember {
  path: string
  sha256: string
  size: number
}

/** Local folders in which the index of a repository is generated. */
export interface RepodataWorkspace extends AsyncDisposable {
  /** The folder to which the paths of members are relative. */
  packages: string
  /** The folder whose `repodata` is the published index; undefined when there is none. */
  previous: string | undefined
  /** A folder that is empty at first and into which the caller puts the finished `repodata`. */
  into: string
  /**
   * Downloads the packages that the previous index does not describe, as many at a time as fit into the available space. Each step yields
   * the members that can be indexed so far; the last step yields all members.
   */
  portions(members: IndexMember[]): AsyncIterable<IndexMember[]>
  /** Publishes the `repodata` in `into`; repomd.xml and its signature change atomically. */
  publish(options: { generation: number; now: Date }): Promise<void>
}
