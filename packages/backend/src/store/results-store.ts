import type { ResultFile } from '@copr/contract/builder-protocol'
import type { ContentHeaders } from '@copr/object-store/bucket'
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

/** A file as it was when it was found; later growth is not part of it. */
export interface StoredFile {
  name: string
  size: number
  mtime: Date
  etag: string
  /** Returns the content, which the caller must read to its end or cancel. */
  read(range?: Range): Promise<ReadableStream<Uint8Array>>
  /** Returns an address where the client can fetch the file directly, if that is better than through the backend. */
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
  /** Undefined for folders of an object store. */
  mtime: Date | undefined
}

/** The public tree as HTTP shows it. Names are plain, as `namesIn()` has checked. */
export interface ResultsTree {
  find(names: string[]): Promise<Found>
  /** Lists the entries of a folder that are not hidden; returns none if the folder does not exist. */
  list(names: string[]): Promise<Entry[]>
}

/** Stores the files. Public files are served as they are stored, so none is ever half-written under its own name. */
export interface ResultsStore extends ResultsTree {
  /** Throws when nothing can be stored or read; the message names the remedy. */
  check(): Promise<void>
  makeDir(path: ResultsPath): Promise<void>

  /** Appends to a public log while it grows. */
  appendLog(path: ResultsPath, name: string, body: Body, limits: LogLimits): Promise<Appended>
  /** Adds a line to the backend's own log of a build. */
  note(path: ResultsPath, line: string): Promise<void>
  /** Sets aside the logs of an earlier try, so that the new logs begin at offset 0. */
  setAside(path: ResultsPath, names: string[]): Promise<void>
  /** Compresses logs that will not grow any more. Idempotent. */
  sealLogs(path: ResultsPath, names?: string[]): Promise<void>
  /** Writes a small public file, whole or not at all. */
  write(path: ResultsPath, name: string, data: string): Promise<void>
  /** Reads a small public file; returns undefined when there is no such file. */
  readText(path: ResultsPath, name: string): Promise<string | undefined>

  stage(key: StagingKey, name: string, body: Body, limits: StageLimits): Promise<Appended>
  /** Throws CoprError `invalid` unless all listed files were uploaded with the listed sizes and digests. */
  verifyStaged(key: StagingKey, files: ResultFile[]): Promise<void>
  /** Calls `use` with the path of a staged file on this machine, which is readable until `use` ends. */
  withStaged<T>(key: StagingKey, name: string, use: (path: string) => Promise<T>): Promise<T>
  /**
   * Lets `change` rewrite the beginning of a staged file. `change` returns how many bytes at the beginning of the previous content
   * it has replaced; all later bytes are kept as they are.
   */
  changeHead(
    key: StagingKey,
    name: string,
    change: (path: string) => Promise<number>,
  ): Promise<void>
  /**
   * Publishes staged files under their names, and those of fedora-review in its folder. They stay staged, so this can be retried.
   */
  place(key: StagingKey, names: string[], to: ResultsPath): Promise<void>
  /**
   * Gives all files of a public folder a second name in another one, without copying them (an object store copies within itself).
   * Leaves out logs that still grow. Returns false when there is no such folder. Idempotent.
   */
  linkAll(from: ResultsPath, to: ResultsPath): Promise<boolean>
  /** Removes files from the public tree. */
  unplace(path: ResultsPath, names: string[]): Promise<void>
  dropStaged(key: StagingKey): Promise<void>
  listStaged(): Promise<StagingKey[]>

  /** Keeps an SRPM that a builder made, the staged file `staged`, for the import. */
  keepSrpm(key: StagingKey, staged: string, kept: KeptSrpm): Promise<void>
  /** Finds the SRPM of a build that waits for the import; returns undefined when there is none. */
  findSrpm(srpm: KeptSrpm): Promise<StoredFile | undefined>
  placeSrpm(srpm: KeptSrpm, to: ResultsPath): Promise<void>
  dropSrpm(srpm: Omit<KeptSrpm, 'file_name'>): Promise<void>
  /** Lists SRPMs that wait for their import or are being uploaded, last changed before `before`. */
  listSrpms(before: Date): Promise<Omit<KeptSrpm, 'file_name'>[]>

  /** Opens a workspace for making a repository's index. The caller holds the repository lock until the workspace is closed. */
  openIndex(repository: ResultsPath, options: { is_devel: boolean }): Promise<RepodataWorkspace>
  /** Removes the devel repository of this repository. */
  removeDevel(repository: ResultsPath): Promise<void>

  /** Removes a folder of the public tree. Its indexes disappear no later than the files that they name. */
  remove(path: ResultsPath): Promise<void>
  /** Completes removals, and aborts uploads, that killed processes left behind. */
  emptyTrash(): Promise<void>
}

interface LogLimits {
  offset: number
  max_size: number
  /** Whether the writer still has its task; called when a request has taken long. */
  isWanted?: () => Promise<boolean>
}

interface StageLimits {
  offset: number
  /** Maximum size in bytes of all files of the task together. */
  max_total: number
}

/** An SRPM in the store. `upload` names the folder under `uploads` into which the frontend put it; null if a builder made the SRPM. */
export interface KeptSrpm {
  build_id: number
  upload: string | null
  file_name: string
}

/** A package of a repository, by its path relative to the repository's folder. */
export interface IndexMember {
  path: string
  sha256: string
  size: number
}

/** Local folders in which the index of a repository is generated. */
export interface RepodataWorkspace extends AsyncDisposable {
  /** The folder that the paths of members are relative to. */
  packages: string
  /** The folder whose `repodata` is the published index; undefined when there is none. */
  previous: string | undefined
  /** A folder, empty at first, into which the caller puts the finished `repodata`. */
  into: string
  /**
   * Downloads the packages that the previous index does not describe, as many at a time as there is space for. Each step yields
   * the members that can be indexed so far; the last step yields all.
   */
  portions(members: IndexMember[]): AsyncIterable<IndexMember[]>
  /** Makes `repodata` in `into` the visible index; repomd.xml and its signature change atomically. */
  publish(options: { generation: number; now: Date }): Promise<void>
}
