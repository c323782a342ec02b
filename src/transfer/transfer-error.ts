import { StartError } from '../system-error.ts'

/** A transfer failed, and nothing was changed. The message is for the person who runs the command. */
export class TransferError extends StartError {}
