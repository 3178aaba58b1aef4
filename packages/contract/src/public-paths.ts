/**
 * The components that receive requests from outside, with the prefixes of the paths that they serve; the frontend serves all other paths.
 */
export const PUBLIC_PATHS = {
  frontend: ['/'],
  backend: ['/results', '/builder'],
  distgit: ['/git', '/lookaside', '/repo/pkgs'],
} as const
export type PublicComponent = keyof typeof PUBLIC_PATHS
export const PUBLIC_COMPONENTS = Object.keys(PUBLIC_PATHS) as PublicComponent[]

/** Returns the component that serves `pathname`, which must not be URL-decoded. */
export function componentOfPath(pathname: string): PublicComponent {
  const found = PUBLIC_COMPONENTS.find((component) =>
    PUBLIC_PATHS[component].some((path) => pathname === path || pathname.startsWith(`${path}/`)),
  )
  return found ?? 'frontend'
}
