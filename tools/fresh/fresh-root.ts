export interface MakeOptions {
  onOutput: (chunk: Buffer) => void
  signal: AbortSignal
}

/**
 * A distribution in which the two commands of the README are tried: the root of a machine on which nothing is
 * installed but its base system and the prerequisites that the README names.
 */
export interface FreshRoot {
  /** As in a chroot's name, without the architecture: `debian-12`. */
  name: string
  /** The file with the code of `make()`: like `inputs()`, it decides when the cached root is made again. */
  recipe: string
  /** Everything else that decides what `make()` brings. */
  inputs(): Promise<unknown>
  /** Fills `dir`, which is there and empty. `onOutput` receives the output of the programs that do it. */
  make(dir: string, options: MakeOptions): Promise<void>
  /**
   * Folders of the root in which its package manager keeps the packages it downloads. They are filled from the cache
   * before a run, and packages that came in a run are kept for the next; `checkout` is the clone's folder in the root.
   */
  downloads(checkout: string): string[]
  /** The ending of downloaded packages' names. */
  downloadSuffix: string
  /** Prints the installed packages, one a line. */
  listPackages: string[]
  /** Lines of a dnf repository file: the base system that the example is installed into. */
  baseRepository(checkout: string): string[]
}
