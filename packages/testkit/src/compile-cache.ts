const { NODE_COMPILE_CACHE: folder } = process.env

/** The environment variable that lets a Node process started by a test use this test run's compile cache. */
export const COMPILE_CACHE: Record<string, string> =
  folder === undefined ? {} : { NODE_COMPILE_CACHE: folder }
