export {
  type SftpServerEvent,
  SftpServerMachine,
  type SftpServerMachineOptions,
} from './machine.ts'
