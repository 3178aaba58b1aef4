export interface MakeOptions {
  onOutput: (chunk: Buffer) => void
  signal: AbortSignal
}

/**
 * A distribution in which the README's two commands are tried: the root of a machine that has only a base system and the README's
 * prerequisites.
 */
export interface FreshRoot {
  /** The name of the distribution's chroot without the architecture, for example `debian-12`. */
  name: string
  /** The file that contains the code of `make()`. The cached root is rebuilt when this file or the result of `inputs()` changes. */
  recipe: string
  /** Returns all other inputs of `make()`. */
  inputs(): Promise<unknown>
  /** Fills `dir`, an existing empty folder. `onOutput` receives the output of the programs that this runs. */
  make(dir: string, options: MakeOptions): Promise<void>
  /**
   * Returns the folders of the root in which its package manager stores downloaded packages. They are filled from the cache before a run,
   * and packages downloaded during a run are kept for the next run. `checkout` is the folder of the clone in the root.
   */
  downloads(checkout: string): string[]
  /** The suffix of downloaded packages' file names. */
  downloadSuffix: string
  /** A command that prints the installed packages, one per line. */
  listPackages: string[]
  /** Returns the lines of a .repo file for the base system into which the example is installed. */
  baseRepository(checkout: string): string[]
}
