/** Runs virtual machines by software emulation. This works anywhere, but is 10 to 20 times slower than the host. */
import { createServer } from 'node:net'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { run, runOrThrow, type RunOutcome } from '@copr/process/run'
import type { MachineImage } from './image.ts'

export interface MachineOptions {
  image: MachineImage
  /** Raw images of additional disks, which become `/dev/vdb` and so on. Changes that the machine makes to them are discarded. */
  disks?: string[]
  memory_mb: number
  cpus: number
  /** The folder for `console.log`, which is kept, and for the machine's disk, which is deleted. */
  dir: string
  signal: AbortSignal
}

export interface Machine extends AsyncDisposable {
  /** Runs a shell command as root; the outcome's output contains both stdout and stderr. */
  run(command: string, onOutput?: (chunk: Buffer) => void): Promise<RunOutcome>
  /** Runs a shell command as root; throws if it fails, which ends the drill. */
  runOrThrow(command: string): Promise<string>
  /** Copies a file of the host to a path in the machine. */
  copyIn(from: string, to: string): Promise<void>
  copyOut(from: string, to: string): Promise<void>
  /** Returns everything that the kernel and systemd have written to the serial console. */
  consoleLog(): Promise<string>
  /** Powers the machine off as an administrator would; fails if it is still running after 3 minutes. */
  powerOff(): Promise<void>
}

/**
 * Mitigations are off because they make the emulator flush its translated addresses on each system call. systemd's default timeout of 90 s
 * per unit is too short on a busy host.
 */
const KERNEL_OPTIONS =
  'root=/dev/vda rw console=ttyS0 TERM=dumb mitigations=off systemd.default_timeout_start_sec=900'
const BOOT_MS = 20 * 60_000
const POWER_OFF_MS = 3 * 60_000

/** Boots an overlay of an image and waits until systemd has started everything. Disposing of the machine cuts its power. */
export async function bootMachine(options: MachineOptions): Promise<Machine> {
  const { image, dir, signal } = options
  await mkdir(dir, { recursive: true })
  const overlay = join(dir, 'disk.qcow2')
  const backing = ['-b', image.disk, '-F', 'raw']
  await runOrThrow('qemu-img', ['create', '-q', '-f', 'qcow2', ...backing, overlay])
  const port = await freePort()
  const plug = new AbortController()
  const emulator = run('qemu-system-x86_64', emulatorArgs(options, overlay, port), {
    signal: AbortSignal.any([signal, plug.signal]),
  })
  const off = new AbortController()
  emulator.then(
    (outcome) => off.abort(new Error(`The machine is off: ${outcome.output.trim() || 'no error'}`)),
    (error: unknown) => off.abort(error),
  )
  const machine = connect({ image, dir, port, stop: AbortSignal.any([signal, off.signal]) })
  const dispose = async (): Promise<void> => {
    plug.abort()
    await emulator.catch(() => undefined)
    await rm(overlay, { force: true })
  }
  try {
    await untilBooted(machine, AbortSignal.any([off.signal, AbortSignal.timeout(BOOT_MS)]))
  } catch (error) {
    await dispose()
    throw new Error(`Cannot boot the machine; its console is in ${join(dir, 'console.log')}`, {
      cause: error,
    })
  }
  const powerOff = async (): Promise<void> => {
    await machine.run('systemctl poweroff')
    const late = new AbortController()
    const timeout = sleep(POWER_OFF_MS, 'late', { signal: late.signal }).catch(() => 'off')
    const ended = await Promise.race([emulator.then(() => 'off'), timeout])
    late.abort()
    if (ended === 'late') throw new Error(`The machine did not power off in ${POWER_OFF_MS} ms`)
  }
  return { ...machine, powerOff, [Symbol.asyncDispose]: dispose }
}

/**
 * A single thread emulates all processors, one after the other: with a thread for each, Node 26 crashes in QEMU 7.2 with a segmentation
 * fault or a failed check in V8. A model without AVX, whose emulation is new in that version, reduces run times by a third.
 */
const EMULATION = ['-cpu', 'Nehalem', '-accel', 'tcg,thread=single,tb-size=1024']

function emulatorArgs(
  { image, disks = [], memory_mb, cpus, dir }: MachineOptions,
  disk: string,
  port: number,
) {
  return [
    ['-machine', 'q35', '-smp', String(cpus), '-m', String(memory_mb)],
    // KVM is never tried: on hosts where it exists but does not work, the machine would hang.
    EMULATION,
    ['-kernel', image.kernel, '-initrd', image.initrd],
    ['-append', KERNEL_OPTIONS],
    // The disk is deleted afterwards, so its data need not be flushed.
    ['-drive', `file=${disk},if=virtio,format=qcow2,cache=unsafe`],
    ...disks.map((file) => ['-drive', `file=${file},if=virtio,format=raw,snapshot=on`]),
    ['-netdev', `user,id=net,ipv6=off,hostfwd=tcp:127.0.0.1:${port}-:22`],
    ['-device', 'virtio-net-pci,netdev=net', '-device', 'virtio-rng-pci'],
    ['-display', 'none', '-monitor', 'none', '-no-reboot'],
    ['-serial', `file:${join(dir, 'console.log')}`],
  ].flat()
}

interface Connection {
  image: MachineImage
  dir: string
  port: number
  stop: AbortSignal
}

/** Runs commands and copies files with SSH over the forwarded port. */
function connect({
  image,
  dir,
  port,
  stop,
}: Connection): Omit<Machine, 'powerOff' | keyof AsyncDisposable> {
  const options = {
    StrictHostKeyChecking: 'no',
    UserKnownHostsFile: '/dev/null',
    LogLevel: 'ERROR',
    ConnectTimeout: '30',
    // While the emulator is busy, a command may produce no output for minutes.
    ServerAliveInterval: '60',
    ServerAliveCountMax: '10',
  }
  const ssh = ['-F', 'none', '-i', image.key]
  for (const [name, value] of Object.entries(options)) ssh.push('-o', `${name}=${value}`)
  const inMachine: Machine['run'] = async (command, onOutput) => {
    const args = [...ssh, '-p', String(port), 'root@127.0.0.1', command]
    return await run('ssh', args, { signal: stop, ...(onOutput && { onOutput }) })
  }
  const scp = async (from: string, to: string): Promise<void> =>
    void (await runOrThrow('scp', [...ssh, '-q', '-P', String(port), from, to], { signal: stop }))
  return {
    run: inMachine,
    runOrThrow: async (command) => {
      const outcome = await inMachine(command)
      if (outcome.ok) return outcome.output
      stop.throwIfAborted()
      throw new Error(`In the machine, ${command} failed: ${outcome.output.slice(-2000)}`)
    },
    copyIn: async (from, to) => await scp(from, `root@127.0.0.1:${to}`),
    copyOut: async (from, to) => await scp(`root@127.0.0.1:${from}`, to),
    consoleLog: async () => await readFile(join(dir, 'console.log'), 'utf8'),
  }
}

async function untilBooted(machine: Pick<Machine, 'run'>, stop: AbortSignal): Promise<void> {
  for (;;) {
    stop.throwIfAborted()
    const connected = await machine.run('true')
    if (connected.ok) break
    await sleep(1000, undefined, { signal: stop })
  }
  // Prints `running`, or `degraded` if a unit has failed; callers check for failed units.
  await machine.run('systemctl is-system-running --wait')
}

async function freePort(): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const server = createServer()
  server.once('error', reject)
  server.listen(0, '127.0.0.1', () => {
    const address = server.address()
    server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
  })
  return await promise
}
