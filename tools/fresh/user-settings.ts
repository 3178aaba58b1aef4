import { run } from '@copr/process/run'

/** Environment variables that configure a proxy. */
const OF_PROXIES = /^(https?|no|all)_proxy$/i

export function proxySettings(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) =>
      OF_PROXIES.test(name) && value ? [[name, value] as const] : [],
    ),
  )
}

/** Returns the npm registry that this machine's user has configured, unless it is npm's default. */
export async function registrySetting(env: NodeJS.ProcessEnv): Promise<Record<string, string>> {
  const home = env['HOME']
  const registry = env['npm_config_registry']
  const settings = await run('npm', ['config', 'ls'], {
    env: {
      ...(home ? { HOME: home } : {}),
      ...(registry ? { npm_config_registry: registry } : {}),
    },
  })
  return parseRegistry(settings.output)
}

/** Reads the registry from npm's list of settings; the list contains only settings that were set explicitly. */
export function parseRegistry(settings: string): Record<string, string> {
  const [, registry] = /^registry = "([^"]+)"/m.exec(settings) ?? []
  return registry ? { npm_config_registry: registry } : {}
}
