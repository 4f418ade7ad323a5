// `npm run build`: the dashboard's page, which `npm start` and `cdk synth` would otherwise build when they need it.
import { buildPage } from './build-page.ts';

buildPage();
