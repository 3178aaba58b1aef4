import { join } from 'node:path'
import { pythonVenv } from '../python/venv.ts'

export interface PythonClients {
  /** Path of copr-cli. */
  program: string
  /** A Python interpreter with python-copr and Packit's library installed. */
  python: string
}

/** Installs unmodified clients from the requirements file. */
export async function pythonClients(): Promise<PythonClients> {
  const bin = await pythonVenv('clients-requirements.txt', 'packit-requirements.txt')
  return { program: join(bin, 'copr-cli'), python: join(bin, 'python') }
}
