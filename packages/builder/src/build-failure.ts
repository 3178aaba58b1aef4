/** A failure that the build itself caused. The build's page shows the message as the reason. */
export class BuildFailure extends Error {
  override readonly name = 'BuildFailure'
}
