"""A study of one space that trains two super-nets in seconds, for tests that run it."""

STUDY = """\
study: tiny
title: One space, two super-nets
data: {name: digits, test_portion: 0.5, scoring_portion: 0.25, crop_padding: 1, flip: false}
protocol: {bn_momentum: 0.1}
pool: {size: 4, seeds: 1, repeated: 0, shards: 1}
scoring: {bn_modes: [batch]}
metrics: {top: 2, resamples: 100}
search: {architectures: 4, retrain: 1}
proxies: {names: []}
spaces:
  nasbench201:
    truth: {channels: 4, layers: 1, epochs: 1, batch_size: 128, train_portion: 0.5}
    baseline: {channels: 4, layers: 1, epochs: 1, batch_size: 128, train_portion: 0.5}
    seeds: [0]
    sweep: {learning_rate: [0.1]}
"""
