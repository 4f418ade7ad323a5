// Composes the functions that people call: operate, approve and emergency-stop.

import type * as z from 'zod';
import { createClients } from '../../../adapters/aws/create-clients.ts';
import { createRecordClients } from '../../../adapters/aws/create-record-clients.ts';
import { createS3ObjectStore } from '../../../adapters/aws/s3/s3-object-store.ts';
import { recordOperatorCall } from '../../../adapters/telemetry/record-operator-call.ts';
import { answerOperator } from '../../../api/operator/answer-operator.ts';
import { ACTS, type OperatorAct } from '../../../api/operator/operator-acts.ts';
import { performAct } from '../../../api/operator/perform-act.ts';
import { performStop } from '../../../api/operator/perform-stop.ts';
import type { Actor } from '../../../core/actor.ts';
import type { EmergencyStopSettings, OperateSettings } from '../../config/function-settings.ts';
import { liveRefusal } from '../../config/venue.ts';
import { PROCESS_TIMERS } from '../../timers.ts';
import { openBreaker } from '../circuit-breaker.ts';
import { openedBrokers } from '../exchange/brokers.ts';
import { openFunctionRuntime, type RuntimeOverrides } from '../function-runtime.ts';
import type { OperatorComposition } from './operator-handler.ts';

export const composeOperate = (
  settings: OperateSettings,
  overrides?: RuntimeOverrides,
): OperatorComposition => composeActs('operate', settings, overrides);

export const composeApprove = (
  settings: OperateSettings,
  overrides?: RuntimeOverrides,
): OperatorComposition => composeActs('approve', settings, overrides);

function composeActs(
  name: 'operate' | 'approve',
  settings: OperateSettings,
  overrides: RuntimeOverrides | undefined,
): OperatorComposition {
  const runtime = openFunctionRuntime(createClients, name, settings.stage, overrides);
  const { bucket, exchange } = settings;
  const dependencies = {
    ...openBreaker(runtime, settings),
    objects: createS3ObjectStore({ client: runtime.clients.s3, bucket }),
    venueRefusal: liveRefusal(exchange),
  };
  const { risk, clock } = dependencies;
  const { account } = settings;
  return {
    async answer(call) {
      const acts: z.ZodType<OperatorAct> = ACTS[name];
      const perform = (act: OperatorAct, by: Actor) => performAct(dependencies, act, by);
      const door = { risk, clock, account, acts, perform, isSafeToRepeat: false };
      const reply = await answerOperator(door, call);
      recordOperatorCall(runtime.telemetry, call, reply);
      return reply;
    },
    close: runtime.close,
  };
}

export function composeEmergencyStop(
  settings: EmergencyStopSettings,
  overrides?: RuntimeOverrides,
): OperatorComposition {
  const runtime = openFunctionRuntime(createRecordClients, 'emergency-stop', settings.stage, overrides);
  const breaker = openBreaker(runtime, settings);
  const { risk, clock } = breaker;
  const dependencies = {
    ...breaker,
    openBroker: openedBrokers({ ...settings, ...runtime, risk }),
    ...PROCESS_TIMERS,
  };
  return {
    async answer(call) {
      const { account } = settings;
      const reply = await answerOperator(
        {
          ...{ risk, clock, account, acts: ACTS['emergency-stop'], isSafeToRepeat: true },
          perform: (act, by) => performStop(dependencies, act, by),
        },
        call,
      );
      recordOperatorCall(runtime.telemetry, call, reply);
      return reply;
    },
    close: runtime.close,
  };
}
