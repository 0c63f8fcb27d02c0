"""What the verbs that train share: views, variants, recipes, pretrained weights, studies, runs."""
