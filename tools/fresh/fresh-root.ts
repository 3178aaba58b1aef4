export interface MakeOptions {
  onOutput: (chunk: Buffer) => void
  signal: AbortSignal
}

/**
 * A distribution in which the two commands of the README are tried: the root of a machine that has only a base system and the README's
 * prerequisites.
 */
export interface FreshRoot {
  /** The name of the distribution's chroot, without the architecture: `debian-12`. */
  name: string
  /** The file with the code of `make()`: like `inputs()`, it determines when the cached root is rebuilt. */
  recipe: string
  /** Returns all other inputs of `make()`. */
  inputs(): Promise<unknown>
  /** Fills `dir`, an existing empty folder. `onOutput` receives the output of the programs that it runs. */
  make(dir: string, options: MakeOptions): Promise<void>
  /**
   * Returns the folders of the root in which its package manager keeps downloaded packages. They are filled from the cache before a run,
   * and packages downloaded in a run are kept for the next; `checkout` is the clone's folder in the root.
   */
  downloads(checkout: string): string[]
  /** The suffix of downloaded packages' file names. */
  downloadSuffix: string
  /** A command that prints the installed packages, one per line. */
  listPackages: string[]
  /** Returns the lines of a dnf repository file for the base system that the example is installed into. */
  baseRepository(checkout: string): string[]
}
