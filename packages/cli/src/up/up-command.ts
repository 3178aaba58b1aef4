import { withoutBrackets } from '@copr/contract/listen-address'
import { Command, InvalidArgumentError } from 'commander'
import { stopSignal } from '../stop-signal.ts'
import { showProgress } from './progress.ts'
import { up } from './up.ts'

interface Options {
  dataDir: string
  port: number
  host: string
  publicUrl?: string
  builders?: number
  morePackages: boolean
  example: boolean
  readyFile?: string
}

/** `coprctl up` runs the whole system on this machine. */
export function upCommand(): Command {
  return new Command('up')
    .summary('run the whole system on this machine')
    .description(
      'Starts PostgreSQL and every component on this machine, and runs them until Ctrl-C. All data is in one folder.',
    )
    .option('--data-dir <dir>', 'directory of all data', '.copr')
    .option('--port <port>', 'the one public port', portNumber, 5000)
    .option(
      '--host <address>',
      'listen at this address; 0.0.0.0 or :: for all',
      withoutBrackets,
      '127.0.0.1',
    )
    .option('--public-url <url>', 'how users reach it (default: http://127.0.0.1:PORT)')
    .option(
      '--builders <count>',
      'builders on this machine (default: one a core, at most 8)',
      count,
    )
    .option(
      '--more-packages',
      'add the packages that are too large for the first start to the mini distribution: Go, Rust, Boost, Doxygen, Sphinx, systemd',
      false,
    )
    .option('--no-example', 'do not build and install the example package at the first start')
    .option('--ready-file <file>', 'written as JSON (url, config, pid) when everything answers')
    .action(async ({ dataDir, port, host, builders, example, ...given }: Options) => {
      const options = {
        data_dir: dataDir,
        port,
        host,
        public_url: given.publicUrl,
        builders,
        more_packages: given.morePackages,
        example,
        ready_file: given.readyFile,
      }
      await up(options, { progress: showProgress(process.stdout), stop: stopSignal() })
    })
}

function portNumber(text: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new InvalidArgumentError('a port is a number from 1 to 65535')
  return port
}

function count(text: string): number {
  const number = Number(text)
  if (!Number.isInteger(number) || number < 0 || number > 256)
    throw new InvalidArgumentError('a number from 0 to 256')
  return number
}
