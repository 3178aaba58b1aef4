const { NODE_COMPILE_CACHE: folder } = process.env

/** The environment variable with which a Node process that a test starts uses the compiled code of this test run. */
export const COMPILE_CACHE: Record<string, string> =
  folder === undefined ? {} : { NODE_COMPILE_CACHE: folder }
