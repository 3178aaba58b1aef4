import { once } from 'node:events'
import { Command, InvalidArgumentError } from 'commander'
import { untilAborted } from '@copr/process/every'
import { makeLog } from '@copr/process/log'
import { logUnhandled } from '../log-unhandled.ts'
import { stopSignal } from '../stop-signal.ts'
import { type Behind, reverseProxy } from '@copr/server/reverse-proxy'

interface Options {
  listen: { host: string; port: number }
  to: Behind[]
}

/** `coprctl proxy` does locally what an Ingress does in a cluster. `coprctl containers up` starts it. */
export function proxyCommand(): Command {
  return new Command('proxy')
    .summary('forward requests to the components, as an Ingress does')
    .description(
      'Listens at one port and forwards each request to the component that serves its path.',
    )
    .requiredOption('--listen <host:port>', 'where to listen', address)
    .requiredOption(
      '--to <path=url>',
      'which component serves which paths; may be given more than once',
      behind,
    )
    .action(async ({ listen, to }: Options) => {
      const log = makeLog('proxy')
      logUnhandled(log)
      const stop = stopSignal()
      const server = reverseProxy(to, log).listen(listen.port, listen.host)
      await once(server, 'listening')
      log.info({ port: listen.port }, 'Listening')
      await untilAborted(stop)
      server.close()
      server.closeAllConnections()
    })
}

function address(text: string): Options['listen'] {
  const [, host, port] = /^(.+):(\d+)$/.exec(text) ?? []
  if (host === undefined) throw new InvalidArgumentError('write HOST:PORT')
  return { host, port: Number(port) }
}

function behind(text: string, before: Behind[] = []): Behind[] {
  const [, path, url] = /^(\/[^=]*)=(http:\/\/[^/]+)$/.exec(text) ?? []
  if (path === undefined || url === undefined)
    throw new InvalidArgumentError('write /PATH=http://HOST:PORT')
  return [...before, { path, url }]
}
