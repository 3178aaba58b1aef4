/** What the build itself caused: its message is the readable reason on the build's page. */
export class BuildFailure extends Error {
  override readonly name = 'BuildFailure'
}
