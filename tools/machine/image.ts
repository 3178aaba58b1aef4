import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { cp, mkdir, readFile, readdir, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { run, runOrThrow } from '@copr/process/run'
import type { Progress } from '../../packages/cli/src/up/progress.ts'
import type { FreshRoot, MakeOptions } from '../fresh/fresh-root.ts'
import { cachedRoot, FRESH_CACHE, removePrevious } from '../fresh/root-cache.ts'
import { inRoot } from '../fresh/root-setup.ts'
import { proxySettings, registrySetting } from '../fresh/user-settings.ts'

export interface MachineRecipe {
  /** A Debian root. Its pristine copy becomes the machine's root filesystem. */
  root: FreshRoot
  /** Packages in addition to those that make a root bootable. Packages that they recommend are not installed. */
  packages: string[]
  /**
   * Path of a script, relative to the parent of this folder, that runs in the root after the packages have been installed. It runs on the
   * host, because it would take long on an emulated processor.
   */
  script?: string
  /** Size of the root filesystem in GB. The image is a sparse file. */
  disk_gb: number
}

export interface MachineImage {
  /** A raw ext4 filesystem without a partition table; machines run on overlays of it. */
  disk: string
  kernel: string
  initrd: string
  /** The private key that root's authorized_keys accepts. */
  key: string
}

/** Packages that make a root bootable and reachable: a kernel for virtual machines, an init system, udev, D-Bus, and sshd. */
const BOOT_PACKAGES = ['linux-image-cloud-amd64', 'systemd-sysv', 'udev', 'dbus', 'openssh-server']
/** The address at which QEMU's user-mode network answers DNS queries, using the host's resolver. */
const RESOLVER = '10.0.2.3'
const TOOLS = dirname(import.meta.dirname)
/** Unfinished images are deleted, so dpkg need not sync files to disk during the installation. */
const UNSAFE = ['-o', 'Dpkg::Options::=--force-unsafe-io']

/** Returns the image for a recipe. Builds it (without loop devices) if the recipe, its root or this code has changed. */
export async function machineImage(
  recipe: MachineRecipe,
  { progress, ...options }: MakeOptions & { progress: Progress },
): Promise<MachineImage> {
  const { packages, script, disk_gb } = recipe
  const now = new Date()
  const pristine = await progress.step(`${recipe.root.name} with the prerequisites`, async () => {
    return await cachedRoot(recipe.root, { now, ...options })
  })
  const variables = { ...proxySettings(process.env), ...(await registrySetting(process.env)) }
  const code = await readFile(import.meta.filename, 'utf8')
  // The name of a cached root's folder already depends on the root's inputs.
  const inputs = [basename(dirname(pristine.dir)), packages, disk_gb, variables, code]
  if (script !== undefined) inputs.push(await readFile(join(TOOLS, script), 'utf8'))
  const digest = createHash('sha256').update(JSON.stringify(inputs)).digest('hex').slice(0, 12)
  const images = join(FRESH_CACHE, 'machines')
  const name = `${recipe.root.name}-${digest}`
  const dir = join(images, name)
  if (existsSync(dir)) await utimes(dir, now, now)
  else {
    const work = `${dir}.${process.pid}`
    await mkdir(work, { recursive: true })
    try {
      await makeImage(work, { ...recipe, ...options, pristine: pristine.dir, variables, progress })
      // A concurrent run may have built the same image.
      if (!existsSync(dir)) await rename(work, dir)
    } finally {
      await rm(work, { recursive: true, force: true })
    }
    removePrevious(images, recipe.root.name, name, now)
  }
  return {
    disk: join(dir, 'disk.raw'),
    kernel: join(dir, 'vmlinuz'),
    initrd: join(dir, 'initrd'),
    key: join(dir, 'key'),
  }
}

interface ImageInputs extends MachineRecipe, MakeOptions {
  pristine: string
  /** Environment variables for every session in the machine. */
  variables: Record<string, string>
  progress: Progress
}

async function makeImage(work: string, inputs: ImageInputs): Promise<void> {
  const { pristine, packages, script, disk_gb, variables, progress, ...options } = inputs
  const { signal } = options
  const root = join(work, 'root')
  await progress.step('kernel, systemd and sshd', async () => {
    await runOrThrow('cp', ['--archive', '--reflink=auto', pristine, root], { signal })
    const install = ['apt-get', ...UNSAFE, 'install', '--yes', '--no-install-recommends']
    await inRoot(root, [...install, ...BOOT_PACKAGES, ...packages], options)
    if (script !== undefined) await runScript(root, script, options)
    await inRoot(root, ['apt-get', 'clean'], options)
    // The caches must be empty, and these include the package lists.
    await rm(join(root, 'var/lib/apt/lists'), { recursive: true })
    await inRoot(root, ['systemctl', 'enable', 'systemd-networkd'], options)
    await configure(root, variables)
    await addKey(root, join(work, 'key'))
  })
  await progress.step('disk image', async () => {
    await takeBootFile(root, 'vmlinuz-', join(work, 'vmlinuz'))
    await takeBootFile(root, 'initrd.img-', join(work, 'initrd'))
    const disk = join(work, 'disk.raw')
    const filesystem = ['-q', '-t', 'ext4', '-L', 'root', '-d', root, disk, `${disk_gb}G`]
    await runOrThrow('mke2fs', filesystem, { signal })
    await rm(root, { recursive: true })
  })
}

async function runScript(root: string, script: string, options: MakeOptions): Promise<void> {
  // The script gets a parent folder of its own, because scripts write files next to their folder.
  await mkdir(join(root, 'opt/setup/tools'), { recursive: true })
  await cp(join(TOOLS, script), join(root, 'opt/setup/tools', script))
  await inRoot(root, ['sh', join('/opt/setup/tools', script)], options)
}

async function configure(root: string, variables: Record<string, string>): Promise<void> {
  const write = async (path: string, text: string): Promise<void> =>
    await writeFile(join(root, path), text)
  await write('etc/hostname', 'fresh\n')
  await write('etc/hosts', '127.0.0.1 localhost\n127.0.1.1 fresh\n::1 localhost\n')
  await write('etc/resolv.conf', `nameserver ${RESOLVER}\n`)
  const lines = Object.entries(variables).map(([name, value]) => `${name}="${value}"\n`)
  await write('etc/environment', lines.join(''))
  // The file is empty, so that the machine generates an ID at its first boot.
  await write('etc/machine-id', '')
  await write('etc/systemd/network/20-wired.network', '[Match]\nName=en*\n\n[Network]\nDHCP=ipv4\n')
}

async function addKey(root: string, key: string): Promise<void> {
  await runOrThrow('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'machine', '-f', key])
  await mkdir(join(root, 'root/.ssh'), { mode: 0o700, recursive: true })
  await cp(`${key}.pub`, join(root, 'root/.ssh/authorized_keys'))
}

async function takeBootFile(root: string, prefix: string, to: string): Promise<void> {
  const boot = join(root, 'boot')
  const name = (await readdir(boot)).find((file) => file.startsWith(prefix))
  if (name === undefined) throw new Error(`Cannot boot ${root}: /boot has no ${prefix}*`)
  await cp(join(boot, name), to)
}

const PROGRAMS = {
  'qemu-system-x86_64': 'qemu-system-x86',
  'qemu-img': 'qemu-utils',
  debootstrap: 'debootstrap',
  mke2fs: 'e2fsprogs',
  ssh: 'openssh-client',
}

/** Returns why this host cannot build and boot machines; undefined if it can. */
export async function whyNoMachines(): Promise<string | undefined> {
  if (process.arch !== 'x64') return `the recipe is for x86_64, and this is ${process.arch}`
  if (process.getuid?.() !== 0) return 'a root filesystem is made, which needs root'
  const missing: string[] = []
  for (const [program, name] of Object.entries(PROGRAMS)) {
    const found = await run('sh', ['-c', 'command -v "$1"', 'sh', program])
    if (!found.ok) missing.push(name)
  }
  if (missing.length > 0) return `programs are missing; install the packages ${missing.join(', ')}`
  return undefined
}
