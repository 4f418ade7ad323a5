// Receivers of notifications: how each kind is opened, and where their settings are.
import type { RecordClients } from '../../adapters/aws/create-record-clients.ts';
import { createSsmReceiverStore } from '../../adapters/aws/ssm/ssm-receiver-store.ts';
import {
  createDiscordReceiver,
  createSlackReceiver,
  createTelegramReceiver,
} from '../../adapters/receivers/chat-receivers.ts';
import { createWebhookReceiver } from '../../adapters/receivers/webhook-receiver.ts';
import type { OpenReceiver, ReceiverStore } from '../../notification/ports.ts';
import type { Notifier } from '../../risk/ports.ts';
import { receiverParameter } from '../config/stage.ts';
import { SYSTEM_CLOCK } from './function-runtime.ts';

/** @param mail the stage's topic, or the file of the local run */
export const openReceivers =
  (mail: Notifier): OpenReceiver =>
  (settings) => {
    switch (settings.kind) {
      case 'email':
        return mail;
      case 'webhook':
        return createWebhookReceiver(settings, SYSTEM_CLOCK);
      case 'telegram':
        return createTelegramReceiver(settings);
      case 'slack':
        return createSlackReceiver(settings);
      case 'discord':
        return createDiscordReceiver(settings);
    }
  };

export const openReceiverStore = ({ ssm }: RecordClients, stage: string): ReceiverStore =>
  createSsmReceiverStore({ client: ssm, parameterOf: (kind) => receiverParameter(stage, kind) });
