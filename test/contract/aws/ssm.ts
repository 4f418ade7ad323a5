// What Parameter Store does, as far as the project relies on it, through the real SDK client.
import {
  DeleteParameterCommand,
  DeleteParametersCommand,
  DescribeParametersCommand,
  GetParameterCommand,
  GetParameterHistoryCommand,
  GetParametersCommand,
  PutParameterCommand,
  type PutParameterCommandInput,
  paginateGetParametersByPath,
  type SSMClient,
} from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AwsTarget, errorName } from '../../support/aws-target.ts';

export function describeSsmConformance(name: string, open: () => Promise<AwsTarget>): void {
  describe(`Parameter Store: ${name}`, () => {
    let target: AwsTarget;
    let ssm: SSMClient;
    let root: string;

    const put = (leaf: string, Value: string, more: Partial<PutParameterCommandInput> = {}) =>
      ssm.send(new PutParameterCommand({ Name: `${root}/${leaf}`, Value, Type: 'String', ...more }));
    const get = async (leaf: string) =>
      (await ssm.send(new GetParameterCommand({ Name: `${root}/${leaf}` }))).Parameter;
    const namesUnder = async (Path: string, Recursive: boolean) => {
      const found: (string | undefined)[] = [];
      for await (const page of paginateGetParametersByPath({ client: ssm, pageSize: 3 }, { Path, Recursive }))
        found.push(...(page.Parameters ?? []).map((parameter) => parameter.Name?.slice(root.length + 1)));
      return found.sort();
    };

    beforeAll(async () => {
      target = await open();
      ssm = target.clients.ssm;
      root = `/${target.prefix}`;
    });
    afterAll(async () => {
      const left = await namesUnder(root, true);
      for (let from = 0; from < left.length; from += 10) {
        const Names = left.slice(from, from + 10).map((leaf) => `${root}/${leaf}`);
        await ssm.send(new DeleteParametersCommand({ Names }));
      }
      await target.close();
    });

    it('creates, refuses to create twice, and counts versions when overwriting', async () => {
      expect((await put('counted', 'a')).Version).toBe(1);
      expect(await errorName(put('counted', 'b'))).toBe('ParameterAlreadyExists');
      expect((await get('counted'))?.Value).toBe('a');
      expect((await put('counted', 'b', { Overwrite: true })).Version).toBe(2);
      expect(await get('counted')).toMatchObject({ Value: 'b', Version: 2, Type: 'String' });
    });

    it('lets one of 20 concurrent creators win', async () => {
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, writer) => errorName(put('raced', `writer ${writer}`))),
      );
      const winners = outcomes.filter((outcome) => outcome === 'no error');
      expect(winners).toHaveLength(1);
      expect((await get('raced'))?.Value).toBe(`writer ${outcomes.indexOf('no error')}`);
    });

    it('keeps the history, and serves a version by number', async () => {
      for (const value of ['1', '2', '3'])
        await put('told', value, { Overwrite: true, Description: `is ${value}` });
      const history = await ssm.send(new GetParameterHistoryCommand({ Name: `${root}/told` }));
      expect(
        history.Parameters?.map(({ Value, Version, Description }) => [Value, Version, Description]),
      ).toEqual([
        ['1', 1, 'is 1'],
        ['2', 2, 'is 2'],
        ['3', 3, 'is 3'],
      ]);
      expect(await get('told:2')).toMatchObject({ Value: '2', Version: 2, Selector: ':2' });
      expect(await errorName(get('told:9'))).toBe('ParameterVersionNotFound');
    });

    it('tells the names that are not there apart', async () => {
      await put('present', 'yes');
      const Names = [`${root}/present`, `${root}/absent`];
      const answer = await ssm.send(new GetParametersCommand({ Names }));
      expect(answer.Parameters?.map(({ Value }) => Value)).toEqual(['yes']);
      expect(answer.InvalidParameters).toEqual([`${root}/absent`]);
      expect(await errorName(get('absent'))).toBe('ParameterNotFound');
      const eleven = Array.from({ length: 11 }, (_, index) => `${root}/n${index}`);
      expect(await errorName(ssm.send(new GetParametersCommand({ Names: eleven })))).toBe(
        'ValidationException',
      );
    });

    it('checks values: pattern, length, emptiness', async () => {
      const AllowedPattern = '^(true|false)$';
      await put('flag', 'true', { AllowedPattern });
      for (const value of ['True', 'true ', 'yes']) {
        expect(await errorName(put('flag', value, { AllowedPattern, Overwrite: true }))).toBe(
          'ParameterPatternMismatchException',
        );
      }
      expect((await get('flag'))?.Value).toBe('true');
      await put('long', 'x'.repeat(4096));
      expect(await errorName(put('longer', 'x'.repeat(4097)))).toBe('ValidationException');
      expect(await errorName(put('empty', ''))).toBe('ValidationException');
    });

    it.each(['a b', 'ä', 'double//slash', `${'deep/'.repeat(15)}er`])('refuses the name %j', async (leaf) => {
      expect(['ValidationException', 'HierarchyLevelLimitExceededException']).toContain(
        await errorName(put(leaf, 'x')),
      );
    });

    it('lists by path, one level or all, page by page', async () => {
      const leaves = ['tree/a', 'tree/b', 'tree/c', 'tree/d', 'tree/deep/e', 'treetop'];
      for (const leaf of leaves) await put(leaf, 'x');
      expect(await namesUnder(`${root}/tree`, false)).toEqual(['tree/a', 'tree/b', 'tree/c', 'tree/d']);
      expect(await namesUnder(`${root}/tree/`, true)).toEqual(leaves.slice(0, 5));
      const described = await ssm.send(new DescribeParametersCommand({ MaxResults: 1 }));
      expect(described.Parameters).toHaveLength(1);
      expect(described.NextToken).toBeTruthy();
    });

    it('shows a SecureString only to those who ask for its plain text', async () => {
      await put('secret', 'hush', { Type: 'SecureString' });
      const Name = `${root}/secret`;
      expect((await get('secret'))?.Value).not.toContain('hush');
      const opened = await ssm.send(new GetParameterCommand({ Name, WithDecryption: true }));
      expect(opened.Parameter).toMatchObject({ Value: 'hush', Type: 'SecureString' });
    });

    it('deletes, and says when there was nothing to delete', async () => {
      await put('doomed', 'x');
      await ssm.send(new DeleteParameterCommand({ Name: `${root}/doomed` }));
      expect(await errorName(get('doomed'))).toBe('ParameterNotFound');
      const again = ssm.send(new DeleteParameterCommand({ Name: `${root}/doomed` }));
      expect(await errorName(again)).toBe('ParameterNotFound');
      const Names = [`${root}/doomed`];
      const many = await ssm.send(new DeleteParametersCommand({ Names }));
      expect(many.InvalidParameters).toEqual(Names);
    });
  });
}
